/** A titled list, with a word for when it is empty and tools beside the title. */
import { h, keyed, type Row } from './dom.ts'

export interface Panel<T> {
  readonly element: HTMLElement
  readonly list: HTMLElement
  /** `count`: what is to be said beside the title. */
  show(items: readonly T[], count?: string): void
}

export function panel<T>(
  title: string,
  empty: string,
  keyOf: (item: T) => string,
  make: (item: T) => Row<T>,
  ...tools: HTMLElement[]
): Panel<T> {
  const list = h('ul', { label: title })
  const none = h('p', { className: 'quiet', textContent: empty })
  const said = h('span', { className: 'count' })
  const rows = keyed<T>(list, keyOf, make)
  return {
    element: h(
      'section',
      { label: title },
      h('div', { className: 'line' }, h('h3', {}, title, ' ', said), ...tools),
      list,
      none,
    ),
    list,
    show(items, count = '') {
      rows(items)
      none.hidden = items.length > 0
      said.textContent = count
    },
  }
}
