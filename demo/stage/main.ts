/** The stage: which share and which strategy is played, the weather, and what the server holds. */
import { byId, h, keyed } from '../dom.ts'
import { strategies } from '../schema.ts'
import { lastPlace, newPlace, type Seen, seen, setWeather } from './asks.ts'

const address = new URL(location.href)
const strategy = address.searchParams.get('strategy') ?? 'MERGE'
const share = address.searchParams.get('share') ?? (await lastPlace()).share

function go(changes: { readonly share?: string; readonly strategy?: string }): void {
  location.search = new URLSearchParams({ share, strategy, ...changes }).toString()
}

for (const device of ['laptop', 'phone']) {
  byId<HTMLIFrameElement>(device).src = `device.html?${new URLSearchParams({ device, share, strategy })}`
}

const select = byId<HTMLSelectElement>('strategy')
select.append(...strategies.map(name => h('option', { value: name, textContent: name, selected: name === strategy })))
select.onchange = () => go({ strategy: select.value })

byId('fresh').onclick = async () => go({ share: (await newPlace()).share })

const weather = byId<HTMLFieldSetElement>('weather')
const boxes = [...weather.querySelectorAll('input')]
const checked = (name: string) => boxes.some(box => box.name === name && box.checked)
const tellWeather = () =>
  setWeather({ slow: checked('slow'), refuse: checked('refuse'), lose: checked('lose'), deaf: checked('deaf') })
weather.onchange = tellWeather
await tellWeather() // fair weather after a reload, as the empty boxes say

const show = keyed<Seen['notes'][number]>(
  byId('server-notes'),
  ({ id }) => id,
  () => {
    const title = h('strong')
    const text = h('p')
    return {
      element: h('li', {}, title, text),
      show({ value }) {
        title.textContent = value.title || 'Untitled'
        text.textContent = value.text ?? ''
      },
    }
  },
)

async function look(): Promise<void> {
  try {
    const { notes, devices } = await seen(share)
    show(notes)
    const count = notes.length === 1 ? '1 note' : `${notes.length} notes`
    byId('server-says').textContent = `${count}, known to ${devices} devices`
  } catch {
    byId('server-says').textContent = 'The playground was stopped. Start it again with npm start.'
  }
  setTimeout(look, 700)
}
void look()
