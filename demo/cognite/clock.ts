/** Days that pass at once: the stage says how far the clocks are, and waits until every device there has looked. */
import type { RemoteHandle } from '../../src/index.ts'
import type { Network } from '../parts/device.ts'

const channelOf = (play: string) => new BroadcastChannel(`playground-clock:${play}`)

interface Passed {
  readonly ahead: number
}
interface Looked {
  readonly device: string
  /** How far the clock was ahead. */
  readonly looked: number
}

/** The stage's side: resolves when all devices that have a network looked at that time. */
export function passing(play: string, devices: readonly string[]): (ahead: number) => Promise<void> {
  const channel = channelOf(play)
  return ahead =>
    new Promise(resolve => {
      const missing = new Set(devices)
      channel.onmessage = ({ data }: MessageEvent<Passed | Looked>) => {
        if (!('looked' in data) || data.looked !== ahead) return
        missing.delete(data.device)
        if (missing.size === 0) resolve()
      }
      channel.postMessage({ ahead } satisfies Passed)
    })
}

/** The device's side. */
export function timePasses(
  play: string,
  device: string,
  line: Network,
  remotes: readonly RemoteHandle[],
  set: (ahead: number) => void,
): void {
  const channel = channelOf(play)
  channel.onmessage = async ({ data }: MessageEvent<Passed | Looked>) => {
    if (!('ahead' in data)) return
    const { ahead } = data
    set(ahead)
    line.changed()
    const now = Date.now() + ahead
    await Promise.race([line.off(), Promise.all(remotes.map(remote => looked(remote, now)))])
    channel.postMessage({ device, looked: ahead } satisfies Looked)
  }
}

function looked(remote: RemoteHandle, since: number): Promise<void> {
  return new Promise(resolve => {
    const stop = remote.status.subscribe(({ pulledAt = 0, phase }) => {
      if (pulledAt < since && phase !== 'paused') return
      stop()
      resolve()
    })
  })
}
