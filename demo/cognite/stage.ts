/** The stage of the plant: two devices, what the project holds, and its clock. */
import { ask } from '../parts/ask.ts'
import { button, byId, h, keyed } from '../parts/dom.ts'
import { stage } from '../parts/stage.ts'
import type { CogniteSeen, Passed } from '../sandbox/cognite.ts'
import { passing } from './clock.ts'

const { play, watch } = await stage('cognite', 'Cognite', ['slow', 'refuse', 'lose'])

const looked = passing(play, ['laptop', 'phone'])
const pass = button('Four days pass', async () => {
  pass.disabled = true
  // Day by day, so that whoever has a network looks in time.
  for (let day = 1; day <= 4; day++) await looked((await ask<Passed>('cognite/pass', { days: 1 })).ahead)
  pass.disabled = false
})
byId('clock').append(pass)

const show = keyed<CogniteSeen['items'][number]>(
  byId('server-holds'),
  ({ id }) => id,
  () => {
    const name = h('strong')
    const text = h('p')
    return {
      element: h('li', {}, name, text),
      show(item) {
        name.textContent = item.name
        text.textContent = item.text
      },
    }
  },
)

watch<CogniteSeen>(({ items, now, walks }) => {
  show(items)
  const date = new Date(now).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' })
  byId('server-says').textContent = `By its clock it is ${date}.`
  const rows = walks.map(({ device, stream, graph }) => [device, `${stream} ×`, `${graph} ×`])
  byId('walks').replaceChildren(
    ...rows.map(cells => h('tr', {}, ...cells.map(textContent => h('td', { textContent })))),
  )
})
