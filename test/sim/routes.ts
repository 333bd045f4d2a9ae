/** Which requests read what is new, and which have an effect on records, at any of the remotes. */
import type { Sending } from './network.ts'

export const isPull = ({ url }: Pick<Sending, 'url'>): boolean =>
  /\/changes$|\/(instances|records)\/sync$/.test(url.pathname)

export const isPush = ({ url }: Pick<Sending, 'url'>): boolean =>
  /\/(apply|send)$|\/models\/instances$|\/records(\/(upsert|delete))?$/.test(url.pathname)

/** Whether it may have an effect: some APIs read by POST. */
export const hasEffect = (sending: Pick<Sending, 'url' | 'method'>): boolean =>
  sending.method !== 'GET' &&
  sending.method !== 'HEAD' &&
  !/\/(instances|records)\/(sync|byids|filter)$|\/search\/instant$|\/diff$/.test(sending.url.pathname)

/** Whether it goes on with an expired cursor, deletes or not. */
export const acceptsMisses = (sending: Pick<Sending, 'url' | 'body'>): boolean =>
  sending.url.pathname.endsWith('/instances/sync') &&
  new TextDecoder().decode(sending.body).includes('"allowExpiredCursorsAndAcceptMissedDeletes":true')

/** The place behind which a pull asks; `undefined`: it asks for everything. */
export function placeOf({ url, body }: Pick<Sending, 'url' | 'body'>): string | undefined {
  if (!url.pathname.endsWith('/sync')) return url.searchParams.get('cursor') ?? undefined
  const { cursor, cursors } = JSON.parse(new TextDecoder().decode(body)) as {
    readonly cursor?: string
    readonly cursors?: unknown
  }
  return cursor ?? (cursors === undefined ? undefined : JSON.stringify(cursors))
}
