/**
 * The simulated world: one virtual clock and one heap of tasks. A step is one macrotask and the whole microtask drain
 * behind it, so everything that code does during a step belongs to the owner of that step.
 */
import { heap, type Owner, type Task } from './heap.ts'
import { dice, type Random, randomOf } from './random.ts'
import { drained, trapped } from './traps.ts'

export interface World {
  readonly seed: string
  /** True milliseconds since 1970; devices see it through their skew. */
  readonly now: () => number
  /** Everybody's clock goes on by this much, and nobody did anything meanwhile. */
  readonly leap: (ms: number) => void
  /** Virtual milliseconds since the start. */
  readonly elapsed: () => number
  readonly owner: (name: string) => Owner
  readonly post: (owner: Owner, delay: number, label: string, run: () => void) => () => void
  /** A lane keeps its tasks in order, whatever their delays are. */
  readonly lane: (name: string) => (owner: Owner, delay: number, label: string, run: () => void) => void
  readonly stream: (name: string) => Random
  readonly dice: (...name: readonly (string | number)[]) => number
  readonly current: () => Owner | undefined
  readonly crash: (owner: Owner) => void
  readonly freeze: (owner: Owner) => void
  readonly thaw: (owner: Owner) => void
  /** Runs until nothing is left, `done` says so, or `until` (elapsed milliseconds) is reached. */
  readonly run: (until: number, done?: () => boolean) => Promise<void>
  /** Judges and faults look in before and after each step. */
  readonly before: ((task: Task) => void)[]
  readonly after: ((task: Task) => void)[]
  readonly stats: { steps: number; trace: number }
  readonly log: string[] | undefined
  readonly note: (text: string) => void
  /** What went wrong outside of any promise that the engine handles. */
  readonly fail: (invariant: string, message: string) => void
  readonly failures: { invariant: string; message: string }[]
}

export const START = Date.UTC(2026, 5, 1)

export function worldOf(seed: string, trace = false): World {
  const tasks = heap()
  const ties = randomOf(`${seed}/ties`)
  const lanes = new Map<string, { time: number; tie: number }>()
  let time = 0
  let leapt = 0
  let n = 0
  let running: Owner | undefined

  const queue = (owner: Owner, at: number, tie: number, label: string, run: () => void): Task => {
    const task: Task = { time: at, tie, n: n++, owner, label, run }
    if (owner.state !== 'dead') tasks.push(task)
    return task
  }

  const world: World = {
    seed,
    now: () => START + leapt + Math.floor(time),
    leap: ms => {
      leapt += ms
    },
    elapsed: () => time,
    owner: name => ({ name, state: 'up', held: [], last: [] }),
    post(owner, delay, label, run) {
      const task = queue(owner, time + Math.max(0, delay), ties(), label, run)
      return () => {
        task.run = undefined
      }
    },
    lane(name) {
      const lane = lanes.get(name) ?? { time: 0, tie: ties() }
      lanes.set(name, lane)
      return (owner, delay, label, run) => {
        lane.time = Math.max(lane.time, time + delay)
        queue(owner, lane.time, lane.tie, label, run)
      }
    },
    stream: name => randomOf(`${seed}/${name}`),
    dice: (...name) => dice(`${seed}/${name.join('/')}`),
    current: () => running,
    crash(owner) {
      if (owner.state === 'dead') return
      owner.state = 'dead'
      owner.held.length = 0
      for (const undo of owner.last.splice(0).reverse()) undo()
    },
    freeze(owner) {
      if (owner.state === 'up') owner.state = 'frozen'
    },
    thaw(owner) {
      if (owner.state !== 'frozen') return
      owner.state = 'up'
      for (const task of owner.held.splice(0)) tasks.push({ ...task, time, n: n++, run: () => task.run?.() })
    },
    async run(until, done) {
      const release = trapped(world)
      try {
        for (;;) {
          if (done?.()) return
          const task = tasks.first()
          if (!task || task.time > until) break
          tasks.pop()
          if (task.run === undefined || task.owner.state === 'dead') continue
          if (task.owner.state === 'frozen') {
            task.owner.held.push(task)
            continue
          }
          time = Math.max(time, task.time)
          for (const look of world.before) look(task)
          if (stateOf(task.owner) !== 'up') {
            if (stateOf(task.owner) === 'frozen') task.owner.held.push(task)
            continue
          }
          running = task.owner
          world.stats.steps++
          stamp(world.stats, task, time)
          if (world.log) world.log.push(`${time.toFixed(2).padStart(10)} ${task.owner.name.padEnd(10)} ${task.label}`)
          try {
            task.run()
          } catch (error) {
            world.fail('bug', `a task threw: ${error instanceof Error ? error.stack : String(error)}`)
          }
          await drained()
          running = undefined
          for (const look of world.after) look(task)
          if (world.failures.length > 0) return
        }
        if (until !== Number.POSITIVE_INFINITY) time = Math.max(time, until)
      } finally {
        running = undefined
        release()
      }
    },
    before: [],
    after: [],
    stats: { steps: 0, trace: 0x811c9dc5 },
    log: trace ? [] : undefined,
    note(text) {
      if (trace) world.log?.push(`${time.toFixed(2).padStart(10)} ${(running?.name ?? '-').padEnd(10)} # ${text}`)
    },
    fail: (invariant, message) => void world.failures.push({ invariant, message }),
    failures: [],
  }
  return world
}

// A function, because the compiler does not know that a look may have changed the state.
const stateOf = (owner: Owner): Owner['state'] => owner.state

/** Two runs of a seed must agree on every label, time and owner. */
function stamp(stats: { trace: number }, task: Task, time: number): void {
  let h = stats.trace
  const text = `${task.label}|${task.owner.name}`
  for (let n = 0; n < text.length; n++) h = Math.imul(h ^ text.charCodeAt(n), 0x01000193)
  stats.trace = Math.imul(h ^ Math.floor(time * 1000), 0x01000193) >>> 0
}
