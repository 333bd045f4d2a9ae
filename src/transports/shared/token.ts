import { SyncError } from '../../errors.ts'
import type { AskToken } from '../../transport.ts'

export type { AskToken }

export interface Tokens {
  current(): Promise<string>
  /** A token other than the refused one. All requests that were refused together share one refresh. */
  renew(refused: string): Promise<string>
  /** A renewed token was refused as well: the next renewal asks the app again, whatever token it gives meanwhile. */
  failed(renewed: string): void
}

export function tokens(ask: AskToken): Tokens {
  let renewing: Promise<string> | undefined
  let last: { readonly from: string; readonly to: string } | undefined

  const get = async (refresh: boolean): Promise<string> => {
    let token: unknown
    try {
      token = await ask({ refresh })
    } catch {
      // What the app threw may hold a secret, so it is not kept as a cause.
      throw new SyncError('needs-auth', 'The app could not give a token. Sign in again; nothing is lost.')
    }
    // Anything else would be echoed by the platform's "invalid header value" error.
    if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) {
      throw new SyncError('needs-auth', 'The app gave something that is no token. Sign in again; nothing is lost.')
    }
    return token
  }

  return {
    current: () => get(false),
    renew(refused) {
      if (last?.from === refused) return Promise.resolve(last.to)
      renewing ??= get(true)
        .then(to => {
          last = { from: refused, to }
          return to
        })
        .finally(() => {
          renewing = undefined
        })
      return renewing
    },
    failed(renewed) {
      if (last?.to === renewed) last = undefined
    },
  }
}
