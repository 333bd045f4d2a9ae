/** What the devices of all pages have in common: who they are, which is in their address, and their network switch. */
import type { Strategy } from '../../src/index.ts'
import { h } from './dom.ts'
import { wire } from './network.ts'

export const strategies: readonly Strategy[] = [
  'LAST_WRITER_WINS',
  'KEEP_BOTH',
  'SERVER_WINS',
  'CLIENT_WINS',
  'MANUAL',
  'MERGE',
]

export interface Asked {
  /** `laptop`, `phone`. */
  readonly device: string
  readonly title: string
  readonly strategy: Strategy
  /** Which game this is: a share, a space. */
  readonly play: string | undefined
}

export function asked(): Asked {
  const address = new URLSearchParams(location.search)
  const device = address.get('device') ?? 'laptop'
  return {
    device,
    title: device.charAt(0).toUpperCase() + device.slice(1),
    strategy: strategies.find(name => name === address.get('strategy')) ?? 'MERGE',
    play: address.get('play') ?? undefined,
  }
}

export interface Network {
  /** The name of the channel on which the device's worker hears of it. */
  readonly channel: string
  readonly label: HTMLElement
  /** Resolves when the network is off. */
  off(): Promise<void>
  /** Something else about it is another now. */
  changed(): void
}

/** A switch that stays where it was when the page is loaded again. */
export function network(store: string, ahead = () => 0): Network {
  const box = h('input', { type: 'checkbox', id: 'network', checked: sessionStorage.getItem(store) !== 'off' })
  const channel = `${store}:network`
  const { changed } = wire(channel, () => ({ online: box.checked, ahead: ahead() }))
  box.addEventListener('change', () => {
    sessionStorage.setItem(store, box.checked ? 'on' : 'off')
    changed()
  })
  const off = () =>
    new Promise<void>(resolve => {
      if (!box.checked) resolve()
      box.addEventListener('change', () => !box.checked && resolve())
    })
  const label = h('label', { className: 'switch' }, box, ' network')
  return { channel, label, off, changed }
}

/** The top of a device: its name and its switches, then how far it is. */
export function deviceHeader(title: string, { label }: Network, ...lines: HTMLElement[]): HTMLElement {
  document.title = title
  return h('header', {}, h('div', { className: 'line' }, h('h2', { textContent: title }), label), ...lines)
}
