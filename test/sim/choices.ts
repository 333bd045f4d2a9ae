/** Somebody says at the server which folders a device is to have. In the end all have everything again, as the judge expects. */
import type { Op } from './plan.ts'
import type { Sim } from './sim.ts'

interface Choice {
  readonly sync_enabled?: boolean
  readonly selected_folders?: readonly string[]
  readonly excluded_folders?: readonly string[]
}

export async function choose(sim: Sim, { dice }: Op): Promise<void> {
  if (!sim.faults.on) return // a tab that was frozen comes late: all is to be seen by now
  const devices = devicesOf(sim)
  const folders = sim.server.nodes().filter(({ kind }) => kind === 'folder')
  const device = devices[Math.floor(dice[0] * devices.length)]
  const folder = folders[Math.floor(dice[1] * folders.length)]
  if (device === undefined || folder === undefined) return
  const how = dice[2]
  if (how < 0.15) return say(sim, device, { sync_enabled: false })
  if (how < 0.5) return say(sim, device, { excluded_folders: [folder.id] })
  return say(sim, device, how < 0.85 ? { selected_folders: [folder.id] } : {})
}

/** A pull that began before this may still keep to what was said before. */
const underWay = 2_000

/** Also for a device that somebody has removed, and that comes back by and by with what it had. */
export function chooseEverything(sim: Sim): void {
  const chosen = new Set<string>()
  const look = () => {
    const { preferences } = sim.server.sandbox.inspect()
    const part = (device: string) => preferences.some(one => one.device_id === device)
    const news = devicesOf(sim).filter(device => part(device) && !chosen.has(device))
    if (news.length > 0) sim.server.changedAt = sim.world.elapsed() + underWay
    for (const device of news) void say(sim, device, {})
    for (const device of news) chosen.add(device)
    sim.world.post(sim.fate, 1_000, 'choose everything', look)
  }
  sim.world.post(sim.fate, 0, 'choose everything', look)
}

const devicesOf = ({ server }: Sim): string[] =>
  server.sandbox
    .inspect()
    .devices.filter(({ removed }) => !removed)
    .map(({ device_id }) => device_id)

async function say({ server, world }: Sim, device: string, choice: Choice): Promise<void> {
  const path = `/api/v1/sync/devices/${device}/preferences/${server.share}`
  const headers = { authorization: `Bearer ${server.token()}`, 'content-type': 'application/json' }
  const { status } = await server.sandbox.fetch(
    new Request(`https://drive.example${path}`, { method: 'PUT', headers, body: JSON.stringify(choice) }),
  )
  world.note(`${device} is to have ${JSON.stringify(choice)}: ${status}`)
}
