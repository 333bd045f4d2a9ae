import { expect, test } from 'vitest'
import { cycle, events, type State, states } from '../../../src/engine/cycle.ts'

test('every state knows every event, and leads to a state', () => {
  for (const state of states) {
    expect(Object.keys(cycle[state]).sort()).toEqual([...events].sort())
    for (const event of events) expect(states).toContain(cycle[state][event])
  }
})

test('pushing is reached from pulling only', () => {
  const into = states.filter(state => events.some(event => cycle[state][event] === 'pushing'))
  expect(into).toEqual(['pulling', 'pushing'])
  expect(events.filter(event => cycle.pulling[event] === 'pushing')).toEqual(['done'])
})

test('nothing leads out of stopped, and only the app out of paused', () => {
  const out = (state: State) => events.filter(event => cycle[state][event] !== state)
  expect([out('stopped'), out('paused'), out('no-auth')]).toEqual([
    [],
    ['resume', 'stop'],
    ['start-over', 'join-again', 'pause', 'resume', 'stop'],
  ])
})

test('from every state that is not stopped the engine comes to rest again', () => {
  for (const state of states) {
    if (state === 'stopped') continue
    const walk = ['resume', 'done', 'done', 'done'] as const
    expect(walk.reduce<State>((at, event) => cycle[at][event], state)).toBe('resting')
  }
})
