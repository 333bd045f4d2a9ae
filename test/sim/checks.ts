/** What must hold at every step, not only at the end. */
import { canaryToken } from './canary.ts'
import { tabOf } from './fate.ts'
import type { Sending } from './network.ts'
import { acceptsMisses, hasEffect, isPull, isPush, placeOf } from './routes.ts'
import type { Device, Sim, Tab } from './sim.ts'
import { patience } from './witness.ts'

export function watch(sim: Sim): void {
  const { world, network } = sim
  /** By device: whether its walk is over, and nothing since gave a reason for another. */
  const steady = new Set<string>()
  /** By device: told to start over, which it may do a little later. */
  const pardoned = new Set<string>()
  const recent = new Map<string, number[]>()
  let seen = 0

  network.onAnswer.push(sending => {
    if (sending.status === 400 || sending.status === 404 || sending.status === 410) steady.delete(sending.machine)
    if (sending.url.pathname.endsWith('/sync/cursor') && sending.status === 200) steady.add(sending.machine)
  })

  world.after.push(task => {
    if (/^(frame|compact|forceSync|wipe|deviceGone|power)/.test(task.label)) {
      // A frame may be force_sync: the judge does not read frames, it only gives the benefit of the doubt.
      if (task.label !== 'frame' || sim.faults.counts.forceSync + sim.faults.counts.compact > 0) {
        steady.clear()
        for (const device of sim.devices) pardoned.add(device.name)
      }
    }
    for (; seen < network.sendings.length; seen++) check(network.sendings[seen]!)
  })

  function check(sending: Sending): void {
    const device = sim.devices.find(one => one.name === sending.machine)
    if (!device) return
    const headless = isPull(sending) && placeOf(sending) === undefined
    if (headless && steady.has(device.name) && !pardoned.delete(device.name))
      world.fail('I11', `${device.name} asks for the head although nothing made its cursor invalid`)
    if (acceptsMisses(sending) && !sim.options.plant?.accepts)
      world.fail('I11x', `${device.name} accepts missed deletes, which nobody asked for`)
    // A walk that is cut off before its first page is committed begins again.
    if (headless) steady.delete(device.name)
    for (const is of [isPull, isPush]) {
      if (!is(sending)) continue
      const mine = network
        .inFlight(sending.machine)
        .filter(one => is(one) && one.owner === sending.owner && one.at > sending.at - 59_000)
      if (mine.length > 1)
        world.fail('I14', `${sending.owner.name} has ${mine.length} of ${sending.url.pathname} in flight`)
    }
    if (sending.url.href.includes(canaryToken) && !sending.url.pathname.includes('/ws/'))
      world.fail('I23', `the token is in a URL: ${sending.url.pathname}`)
    rate(sending)
    if (hasEffect(sending)) leadership(device, sending)
    if (isPush(sending)) device.witness.poised.delete(sending.owner)
    // I2s: the server's mirror never leads what is stored here.
    const position = sending.url.searchParams.get('position')
    if (position !== null && !device.witness.positions.has(position))
      world.fail('I2s', `${device.name} tells the server ${position}, which it has not committed`)
    if (isPush(sending)) {
      const armed = device.armed.splice(0)
      for (const work of armed) work()
    }
  }

  /** I14: with nothing but failures, a device asks less and less. */
  function rate(sending: Sending): void {
    const times = recent.get(sending.machine) ?? []
    recent.set(sending.machine, times)
    times.push(sending.at)
    while (times[0]! < sending.at - 10_000) times.shift()
    if (times.length > 600) world.fail('I14', `${sending.machine} made ${times.length} requests in 10 s`)
  }

  /** I17: what has an effect leaves the present leader only, or one that looked a moment ago; and within its mark. */
  function leadership({ witness }: Device, sending: Sending): void {
    const { owner, url, at } = sending
    const epoch = witness.epochOf(owner)
    const followed = witness.followedAt(epoch ?? 0)
    if (followed !== undefined && at > followed + patience)
      world.fail(
        'I17',
        `${owner.name} sends ${url.pathname} with epoch ${epoch}, ${at - followed} ms after it was followed`,
      )
    const until = witness.markedUntil(owner)
    if (isPush(sending) && (until === undefined || at > until + patience))
      world.fail('I17', `${owner.name} sends ${url.pathname} at ${at}, marked until ${until}`)
  }
}

/** Looks at status and outbox of a tab as its app would, every `ms`. */
export function observe(sim: Sim, tab: Tab, ms: number): void {
  const { owner } = tab
  const again = () => sim.world.post(owner, ms, 'look', look)
  const look = () => {
    const { db } = tab
    if (!db) return void again()
    const made = sim.history.writes.length
    const at = sim.world.elapsed()
    const { status, jobs, sync } = db.remotes.drive!
    Promise.all([status.get(), db.outbox.list(), jobs.list()])
      .then(([status, outbox, jobs]) => {
        sim.stats.statuses++
        const stopped = outbox.filter(one => one.state === 'held' || one.state === 'asked').length
        tab.seen = {
          at,
          phase: status.phase,
          open: outbox.length - stopped,
          stopped,
          why: JSON.stringify(status, plainly),
          works: jobs.filter(({ endedAt }) => endedAt === undefined).length,
        }
        // Where a new token is asked for, the app has one.
        if (status.phase === 'needs-auth') sync()
        if (status.phase === 'synced' && outbox.length > stopped && made === sim.history.writes.length)
          sim.world.fail('I13', `${tab.name} says synced with ${outbox.length - stopped} changes waiting`)
        // Another tab than the leader knows no nudge: what it says may be as old as its last look.
        if (status.phase === 'synced' && status.leads !== false) told(sim, tab, at)
        if (JSON.stringify([status, outbox], plainly).includes(canaryToken))
          sim.world.fail('I23', `the token is in the status of ${tab.name}`)
      })
      .catch((error: unknown) => sim.world.note(`look failed: ${String(error)}`))
      .then(again)
  }
  again()
}

const plainly = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}n` : value)

/** I13: synced is not said while a nudge of a second ago was not followed by a pull. */
function told(sim: Sim, { device, owner }: Tab, at: number): void {
  // A nudge that a robbed leader heard is not known to its successor, which looks when it takes over.
  const nudged = nudges.get(owner)
  if (nudged === undefined || nudged > at - 1500) return
  const pulled = sim.network.sendings.findLast(one => one.machine === device.name && isPull(one))
  if (!pulled || pulled.at < nudged)
    sim.world.fail(
      'I13',
      `${device.name} says synced although it was nudged at ${nudged.toFixed(0)} and did not look since`,
    )
}

const nudges = new WeakMap<object, number>()

/** Remembers when each tab last heard a nudge. */
export function hearNudges(sim: Sim): void {
  sim.world.after.push(task => {
    if (task.label !== 'frame change') return
    if (tabOf(sim, task.owner)) nudges.set(task.owner, sim.world.elapsed())
  })
}
