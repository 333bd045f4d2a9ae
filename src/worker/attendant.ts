/** What a worker does with what is posted to it: opens the door to whoever knocks, and runs an engine for each page. */
import { isHello, type Knock, type Open, protocol, told } from '../client/protocol.ts'
import type { Served } from '../client/served.ts'
import type { Platform } from '../platform.ts'
import { type Session, startSession } from './session.ts'

/** Hears what is posted to the worker. `leave` is called when the worker was made for one database, and that is closed. */
export function attendant(served: Served, leave: () => void): (message: unknown) => void {
  const sessions = new Map<string, Promise<Session>>()
  let held: Promise<string | undefined> | undefined
  const life = (platform: Platform) => {
    held ??= holdLife(platform)
    return held
  }

  /** The pages of a worker come one after the other: the engine of the one before has ended when the next one starts. */
  async function receive(port: MessagePort, message: unknown): Promise<void> {
    if (!isHello(message)) return port.close()
    const before = sessions.get(message.page)
    const session = (before ?? Promise.resolve(undefined))
      .then(running => running?.stop())
      .then(() => startSession(served, message, port, life))
    sessions.set(message.page, session)
    await (await session).ended.catch(() => {}) // whatever could not be closed ends with the worker
    if (sessions.get(message.page) === session) sessions.delete(message.page)
    if (message.alone) leave()
  }

  return message => {
    const knock = told<Knock>(message, 'knock')
    if (typeof knock?.port?.postMessage !== 'function') return
    const { port } = knock
    port.addEventListener('message', ({ data }) => void receive(port, data), { once: true })
    port.start()
    port.postMessage({ tidemark: 'open', protocol } satisfies Open)
  }
}

/** Browsers tell nobody of a worker's end, but they free its locks. Resolves to the name of one that is held until then. */
function holdLife({ locks, uuid }: Platform): Promise<string | undefined> {
  if (!locks.everywhere) return Promise.resolve(undefined)
  const name = `tidemark life ${uuid()}`
  return new Promise(resolve => {
    const until = (): Promise<void> => {
      resolve(name)
      return new Promise(() => {})
    }
    locks.hold(name, { signal: new AbortController().signal }, until).catch(() => resolve(undefined))
  })
}
