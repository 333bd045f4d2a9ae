/** The devices of the account: renamed, switched off and removed by any of them. */

import type { Calls } from '../../src/client/types.ts'
import type { RemoteHandle } from '../../src/index.ts'
import type { DeviceInfo, FilesApi } from '../../src/transports/files/index.ts'
import { act, button, clock, h, type Row } from '../parts/dom.ts'
import { panel } from '../parts/panel.ts'

export function devicesPanel({ api, status }: RemoteHandle & { readonly api: Calls<FilesApi> }): HTMLElement {
  const { element, show } = panel<DeviceInfo>('Devices', 'Known when there is a network.', ({ id }) => id, makeRow)
  const look = () =>
    api.devices().then(
      devices => show([...devices].sort((one, other) => one.name.localeCompare(other.name))),
      () => {}, // no network: what was known stays
    )
  let seen: number | undefined
  status.subscribe(({ pulledAt }) => {
    if (pulledAt === seen) return
    seen = pulledAt
    void look()
  })
  setInterval(look, 5_000) // no nudge tells of other devices
  return element

  function makeRow({ id }: DeviceInfo): Row<DeviceInfo> {
    const name = h('input', { className: 'plain', label: 'Name of the device', required: true })
    const how = h('span', { className: 'quiet' })
    const change = (work: () => Promise<unknown>) => async () => {
      await work()
      await look()
    }
    name.onchange = () => act(change(() => api.updateDevice({ id, name: name.value })))
    let active = true
    const toggle = button(
      '',
      change(() => api.updateDevice({ id, active: !active })),
    )
    const remove = button(
      'Remove',
      change(() => api.removeDevice({ id })),
    )
    return {
      element: h('li', {}, h('div', { className: 'line' }, name, toggle, remove), how),
      show(device) {
        active = device.active
        if (document.activeElement !== name) name.value = device.name
        toggle.textContent = active ? 'Switch off' : 'Switch on'
        toggle.ariaLabel = `${toggle.textContent} ${device.name}`
        remove.ariaLabel = `Remove ${device.name}`
        const { own, lastSeenAt } = device
        const parts = [
          own && 'this device',
          !active && 'switched off: it looks, and sends nothing',
          lastSeenAt !== undefined && `last seen ${clock(lastSeenAt)}`,
        ]
        how.textContent = parts.filter(Boolean).join(' · ')
      },
    }
  }
}
