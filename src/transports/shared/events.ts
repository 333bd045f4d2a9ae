/** Server-sent events over fetch: `EventSource` can send no headers. Only what is in `data:` lines is given. */
import { SyncError } from '../../errors.ts'
import type { Io } from '../../transport.ts'
import { unreachable } from './failure.ts'
import type { Call, Http } from './http.ts'

/** Longer events are passed over. */
const mostChars = 64 * 1024

/**
 * The data of each event until the server ends the stream, or `io.signal` does. It may be silent for as long as it
 * likes: nothing tells an idle stream from a dead one.
 */
export async function* events(http: Http, call: Omit<Call, 'want' | 'method'>, io: Io): AsyncGenerator<string, void> {
  const { route } = call
  const headers = { ...call.headers, accept: 'text/event-stream' }
  const response = await http.open({ ...call, method: 'GET', headers, want: 'nothing' }, io)
  if (!/^text\/event-stream\b/i.test(response.headers.get('content-type') ?? '') || response.body === null) {
    await response.body?.cancel().catch(() => undefined) // nobody reads it
    throw new SyncError('not-the-api', `${route} is no stream of events.`)
  }
  const reader = response.body.getReader()
  const giveUp = () => void reader.cancel().catch(() => undefined) // whether that works changes nothing
  io.signal.addEventListener('abort', giveUp)
  try {
    const split = splitter()
    const decoder = new TextDecoder()
    for (;;) {
      const { done, value } = await reader.read()
      if (done || io.signal.aborted) return
      yield* split(decoder.decode(value, { stream: true }))
    }
  } catch (error) {
    throw unreachable(error, route, io)
  } finally {
    io.signal.removeEventListener('abort', giveUp)
    giveUp()
  }
}

/** Text in pieces, as it comes; the data of the events that are whole by now, out. */
export function splitter(): (text: string) => string[] {
  let line = ''
  let tooLong = false
  let data: string[] = []
  let afterReturn = false
  return text => {
    const found: string[] = []
    for (const char of text) {
      if (char === '\n' && afterReturn) {
        afterReturn = false
        continue
      }
      afterReturn = char === '\r'
      if (char !== '\n' && char !== '\r') {
        if (line.length < mostChars) line += char
        else tooLong = true
        continue
      }
      if (line === '') {
        if (data.length > 0 && !tooLong) found.push(data.join('\n'))
        data = []
        tooLong = false
      } else if (line.startsWith('data:')) {
        data.push(line.slice(line[5] === ' ' ? 6 : 5))
        if (data.length > 1_000) tooLong = true
      }
      line = ''
    }
    return found
  }
}
