/** The stage of a page: where else to go, two devices with the server between them, and the weather there. */
import type { Weather } from '../sandbox/weather.ts'
import { ask } from './ask.ts'
import { strategies } from './device.ts'
import { button, byId, h } from './dom.ts'

const pages = [
  ['./', 'Notes'],
  ['files.html', 'Files'],
  ['cognite.html', 'Cognite'],
  ['jobs.html', 'Jobs'],
] as const

/** The line at the top of every page. */
export function top(here: (typeof pages)[number][1], ...tools: HTMLElement[]): void {
  const links = pages.map(([href, textContent]) => {
    const link = h('a', { href, textContent })
    if (textContent === here) link.setAttribute('aria-current', 'page')
    return link
  })
  const title = h('h1', {}, 'Tidemark ', h('span', { textContent: 'playground' }))
  byId('top').append(title, h('nav', { label: 'Pages' }, ...links), ...tools)
}

export interface Stage {
  readonly play: string
  /** Calls back with what the server holds, again and again. */
  watch<Seen>(show: (seen: Seen) => void): void
}

const conditions: readonly { readonly name: keyof Weather; readonly text: string; readonly title: string }[] = [
  { name: 'slow', text: 'slow', title: 'Every request takes a second or so' },
  { name: 'narrow', text: 'narrow', title: 'Half a mebibyte a second: files take their time' },
  { name: 'refuse', text: 'loses requests', title: '3 of 10 requests never arrive' },
  { name: 'lose', text: 'loses answers', title: '3 of 10 answers never arrive, though the request took effect' },
  { name: 'deaf', text: 'no nudges', title: 'Devices look by themselves, once a minute' },
]

/** `kind`: what the server and the devices' pages are called. `weathers`: those that mean something here. */
export async function stage(
  kind: string,
  here: (typeof pages)[number][1],
  weathers: readonly (keyof Weather)[],
): Promise<Stage> {
  const address = new URLSearchParams(location.search)
  const strategy = address.get('strategy') ?? (kind === 'notes' ? 'MERGE' : 'KEEP_BOTH')
  const play = address.get('play') ?? (await ask<{ play: string }>(`${kind}/place`)).play
  const go = (changes: { readonly play?: string; readonly strategy?: string }) => {
    location.search = new URLSearchParams({ play, strategy, ...changes }).toString()
  }

  const select = h('select', { id: 'strategy' })
  select.append(...strategies.map(name => new Option(name, name, false, name === strategy)))
  select.onchange = () => go({ strategy: select.value })
  top(
    here,
    h('label', {}, 'When both changed it ', select),
    weatherBox(weathers),
    button('Start afresh', async () => go({ play: (await ask<{ play: string }>(`${kind}/place`, {})).play }), {
      id: 'fresh',
    }),
  )
  for (const device of ['laptop', 'phone']) {
    const frame = byId<HTMLIFrameElement>(device)
    frame.src = `${kind}/device.html?${new URLSearchParams({ device, play, strategy })}`
    frame.onload = () => measure(frame)
  }

  return {
    play,
    watch(show) {
      const says = byId('server-says')
      const look = async () => {
        try {
          show(await ask(`${kind}/seen?${new URLSearchParams({ play })}`))
        } catch {
          says.textContent = 'The playground was stopped. Start it again with npm start.'
        }
        setTimeout(look, 700)
      }
      void look()
    },
  }
}

/** Where devices lie below each other, each is as high as it needs to be. */
function measure(frame: HTMLIFrameElement): void {
  const body = frame.contentDocument?.body
  if (!body) return
  new ResizeObserver(() => frame.style.setProperty('--content', `${body.offsetHeight}px`)).observe(body)
}

function weatherBox(weathers: readonly (keyof Weather)[]): HTMLElement {
  const boxes = conditions
    .filter(({ name }) => weathers.includes(name))
    .map(({ name, text, title }) => ({ name, text, title, box: h('input', { type: 'checkbox', name }) }))
  const checked = (name: keyof Weather) => boxes.some(one => one.name === name && one.box.checked)
  const tell = () => {
    const names = conditions.map(({ name }) => [name, checked(name)])
    return ask('weather', Object.fromEntries(names))
  }
  void tell() // fair weather after a reload, as the empty boxes say
  const fieldset = h(
    'fieldset',
    { id: 'weather', onchange: () => void tell() },
    h('legend', { textContent: 'Between them' }),
    ...boxes.map(({ box, text, title }) => h('label', { title }, box, ` ${text}`)),
  )
  return fieldset
}
