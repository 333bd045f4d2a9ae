/** What befalls devices and the server while the faults are on. */
import type { Owner } from './heap.ts'
import { crash, type Device, type Sim, start, type Tab } from './sim.ts'

/** Draws the lot of everybody for the safety phase, which ends at `end`. */
export function befall(sim: Sim, end: number): void {
  const { world } = sim
  const steps = new Map<Owner, number>()
  world.before.push(task => {
    const tab = tabOf(sim, task.owner) ?? tabBehind(sim, task.owner)
    if (!tab || !sim.faults.on) return
    const step = (steps.get(tab.owner) ?? 0) + 1
    steps.set(tab.owner, step)
    const name = [tab.name, tab.lives, step] as const
    if (sim.faults.happens('crash', ...name)) lateStart(sim, tab)
    else if (sim.faults.happens('power', ...name)) powerCut(sim, tab.device)
    else if (sim.faults.happens('freeze', ...name)) freeze(sim, tab)
    else if (poised(sim, tab, task.label) && world.dice('poised', ...name) < sim.faults.rates.freeze * 50)
      freeze(sim, tab, 12_000)
  })
  for (const device of sim.devices) {
    for (let n = 0; n < 3; n++) {
      const from = world.dice('offline-from', device.name, n) * end
      const long = world.dice('offline-for', device.name, n) * end * 0.4
      if (!sim.faults.happens('offline', device.name, n)) continue
      world.post(sim.fate, from, `${device.name} offline`, () => sim.network.offline(device.machine))
      world.post(sim.fate, from + long, `${device.name} online`, () => sim.network.online(device.machine))
    }
    once(sim, 'jump', device.name, end, () => {
      device.machine.skew += Math.floor((world.dice('jump-by', device.name) * 2 - 1) * 86_400_000 * 40)
    })
    once(sim, 'wipe', device.name, end, () => wipe(sim, device))
    once(sim, 'deviceGone', device.name, end, () => {
      const known = sim.server.sandbox.inspect().devices.filter(one => !one.removed && one.device_name === device.name)
      for (const { device_id } of known) sim.server.sandbox.admin.removeDevice(sim.server.user, device_id)
    })
  }
  once(sim, 'compact', 'server', end, () => {
    sim.server.sandbox.admin.compact()
    sim.server.box.floor = sim.server.box.log.length
    // What Cognite keeps of deletions is forgotten after three days, and cursors with it.
    if (sim.server.cdf !== undefined) world.leap(Math.floor((0.5 + world.dice('days') * 5) * 86_400_000))
  })
  const cut = sim.options.plant?.cut
  if (cut !== undefined)
    world.post(sim.fate, cut * end, 'cut', () => {
      world.note('a spoke is cut')
      sim.server.changedAt = world.elapsed()
      void sim.server.cdf?.cut()
    })
  once(sim, 'forceSync', 'server', end, () => sim.server.sandbox.admin.forceSync(sim.server.share))
  once(sim, 'token', 'server', end, () => sim.server.renewToken())
}

function once(sim: Sim, family: Parameters<Sim['faults']['happens']>[0], name: string, end: number, work: () => void) {
  if (!sim.faults.happens(family, name)) return
  sim.world.post(sim.fate, sim.world.dice(`${family}-at`, name) * end, `${family} ${name}`, work)
}

export const tabOf = (sim: Sim, owner: Owner): Tab | undefined => {
  for (const device of sim.devices) for (const tab of device.tabs) if (tab.owner === owner) return tab
  return undefined
}

/** Counts the steps of the first device, and crashes it before the one that is named, if any. */
export function crashAt(sim: Sim, boundary: number | undefined, count: (steps: number) => void): void {
  const device = sim.devices[0]!
  let steps = 0
  sim.world.before.push(task => {
    const tab = tabOf(sim, task.owner) ?? tabBehind(sim, task.owner)
    if (tab?.device !== device) return
    steps++
    count(steps)
    if (steps === boundary) lateStart(sim, tab)
  })
}

/** A step of a machine's databases may be the last of any of its tabs. */
function tabBehind(sim: Sim, owner: Owner): Tab | undefined {
  const device = sim.devices.find(one => one.disk.tasks?.() === owner)
  return device?.tabs[sim.world.stats.steps % device.tabs.length]
}

export function lateStart(sim: Sim, tab: Tab): void {
  crash(sim, tab)
  const life = tab.lives
  sim.world.post(sim.fate, 20 + sim.world.dice('restart', tab.name, life) * 1500, `${tab.name} again`, () => {
    if (tab.lives === life) start(sim, tab, 0)
  })
}

/** The whole machine, and with it what the disk had not been told to keep for good. */
function powerCut(sim: Sim, device: Device): void {
  for (const tab of device.tabs) lateStart(sim, tab)
  device.disk.crash(Math.floor(sim.world.dice('power-lost', device.name, device.tabs[0]!.lives) * 6))
}

/** Between a mark and its request a leader is at its most dangerous, when another can rob it meanwhile. */
const poised = ({ faults }: Sim, { device, owner }: Tab, label: string): boolean =>
  faults.on && device.tabs.length > 1 && device.witness.poised.has(owner) && label !== 'db commit'

function freeze(sim: Sim, tab: Tab, least = 200): void {
  const { owner } = tab
  const long = least + sim.world.dice('frozen', tab.name, tab.lives, owner.held.length) ** 2 * 30_000
  sim.world.note(`${tab.name} freezes for ${Math.round(long)} ms`)
  sim.world.freeze(owner)
  sim.world.post(sim.fate, long, `${tab.name} thaws`, () => sim.world.thaw(owner))
}

function wipe(sim: Sim, device: Device): void {
  sim.world.note(`${device.name} is wiped`)
  for (const tab of device.tabs) lateStart(sim, tab)
  // What only this disk held is gone, and nobody can be blamed for it.
  for (const write of sim.history.writes) if (write.by === device.name) write.excused = 'wiped'
  device.disk.wipe()
  device.witness.forget()
  // Of what it ran over it can tell no more: what it was shown may have been on its way to the disk.
  for (const [key, cell] of sim.history.untold) {
    if (!key.startsWith(`${device.name} `)) continue
    sim.history.unseen.add(cell)
    sim.history.untold.delete(key)
  }
  device.wipedAt = sim.world.elapsed()
}

/** The storm is over: everybody is up, awake and online. */
export function calm(sim: Sim): void {
  sim.faults.on = false
  sim.server.cdf?.calm()
  sim.server.work?.calm()
  for (const device of sim.devices) {
    sim.network.online(device.machine)
    for (const tab of device.tabs) {
      sim.world.thaw(tab.owner)
      if (tab.owner.state === 'dead') start(sim, tab, 1)
    }
  }
}
