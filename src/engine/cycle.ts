/** The states of one remote and what leads from one to the next. Pure and total: the compiler counts the cells. */

export const states = ['joining', 'pulling', 'pushing', 'resting', 'waiting', 'no-auth', 'paused', 'stopped'] as const
export type State = (typeof states)[number]

/**
 * - `done`: the walk of this state ended well; pushing: and there was nothing to push
 * - `more`: something was pushed or settled, so look at the remote again
 * - `wake`: a nudge, a local write, a timer, the app
 * - `failed`: a failure that passes by itself
 * - `start-over`: the remote forgot our cursor; `join-again`: or us
 * - `no-auth`, `pause`: nothing more until the app acts; `resume`: it did
 * - `stop`: this engine ends
 */
export const events = [
  'done',
  'more',
  'wake',
  'failed',
  'start-over',
  'join-again',
  'no-auth',
  'pause',
  'resume',
  'stop',
] as const
export type Event = (typeof events)[number]

const always = {
  failed: 'waiting',
  'start-over': 'pulling',
  'join-again': 'joining',
  'no-auth': 'no-auth',
  pause: 'paused',
  stop: 'stopped',
} as const

/** Pull before push (law 3): every way to `pushing` leads through `pulling`, save the one that carries on with it. */
export const cycle: Record<State, Record<Event, State>> = {
  joining: { ...always, done: 'pulling', more: 'joining', wake: 'joining', resume: 'joining' },
  pulling: { ...always, done: 'pushing', more: 'pulling', wake: 'pulling', resume: 'pulling' },
  pushing: { ...always, done: 'resting', more: 'pulling', wake: 'pushing', resume: 'pushing' },
  resting: { ...always, done: 'resting', more: 'pulling', wake: 'pulling', resume: 'pulling' },
  waiting: { ...always, done: 'joining', more: 'joining', wake: 'joining', resume: 'joining' },
  'no-auth': { ...always, failed: 'no-auth', done: 'no-auth', more: 'no-auth', wake: 'no-auth', resume: 'joining' },
  paused: {
    ...always,
    failed: 'paused',
    'start-over': 'paused',
    'join-again': 'paused',
    'no-auth': 'paused',
    done: 'paused',
    more: 'paused',
    wake: 'paused',
    resume: 'joining',
  },
  stopped: {
    done: 'stopped',
    more: 'stopped',
    wake: 'stopped',
    failed: 'stopped',
    'start-over': 'stopped',
    'join-again': 'stopped',
    'no-auth': 'stopped',
    pause: 'stopped',
    resume: 'stopped',
    stop: 'stopped',
  },
}
