/** A few lines instead of a framework: elements from data, and lists that keep their elements. */

type Child = Node | string | undefined | false
type Properties<E> = { readonly [P in keyof E]?: E[P] } & { readonly role?: string; readonly label?: string }

export function h<T extends keyof HTMLElementTagNameMap>(
  tag: T,
  properties: Properties<HTMLElementTagNameMap[T]> = {},
  ...children: Child[]
): HTMLElementTagNameMap[T] {
  const element = document.createElement(tag)
  const { label, ...rest } = properties
  Object.assign(element, rest)
  if (label !== undefined) element.setAttribute('aria-label', label)
  element.append(...children.filter(child => child !== undefined && child !== false))
  return element
}

export function byId<T extends HTMLElement>(id: string): T {
  const element = document.getElementById(id)
  if (element === null) throw new Error(`The page has no #${id}.`)
  return element as T
}

export interface Row<T> {
  readonly element: HTMLElement
  show(item: T): void
}

/**
 * Shows items in order; an item keeps its element, and with it the focus and the caret of its fields. Where the focus was in
 * one that is gone, it goes to the next.
 */
export function keyed<T>(list: HTMLElement, keyOf: (item: T) => string, make: (item: T) => Row<T>) {
  const rows = new Map<string, Row<T>>()
  return (items: readonly T[]): void => {
    const keys = new Set(items.map(keyOf))
    const focused = [...list.children].findIndex(element => element.contains(document.activeElement))
    for (const [key, { element }] of rows) {
      if (keys.has(key)) continue
      element.remove()
      rows.delete(key)
    }
    let before: Element | null = list.firstElementChild
    for (const item of items) {
      const key = keyOf(item)
      const row = rows.get(key) ?? make(item)
      rows.set(key, row)
      row.show(item)
      if (row.element === before) before = before.nextElementSibling
      else list.insertBefore(row.element, before)
    }
    if (focused < 0 || list.contains(document.activeElement)) return
    const heir = list.children[Math.min(focused, list.children.length - 1)]
    heir?.querySelector<HTMLElement>('button:not(:disabled)')?.focus()
  }
}

/** Sets a field's text unless somebody is typing there. */
export function setText(field: HTMLInputElement | HTMLTextAreaElement, text: string): void {
  if (document.activeElement !== field && field.value !== text) field.value = text
}

export function button(
  textContent: string,
  work: () => unknown,
  more: Properties<HTMLButtonElement> = {},
): HTMLButtonElement {
  return h('button', { type: 'button', textContent, onclick: () => act(work), ...more })
}

/** Does what was asked for. What comes of it is seen in the page; only a refusal is said. Resolves to whether it was done. */
export async function act(work: () => unknown): Promise<boolean> {
  try {
    await work()
    complain(undefined)
    return true
  } catch (error) {
    complain(error)
    return false
  }
}

function complain(error: unknown): void {
  const told = document.getElementById('complaint')
  if (error === undefined) {
    told?.replaceChildren()
    return
  }
  const place = told ?? document.body.appendChild(h('div', { id: 'complaint', role: 'alert' }))
  const text = error instanceof Error ? error.message : String(error)
  place.replaceChildren(
    h('span', { textContent: text }),
    button('Close', () => {}),
  )
}

/** A select's options; the choice stays where it is still there. */
export function offer(
  select: HTMLSelectElement,
  options: readonly { readonly value: string; readonly text: string }[],
) {
  const same = select.options.length === options.length
  if (
    same &&
    options.every(({ value, text }, at) => select.options[at]?.value === value && select.options[at].text === text)
  )
    return
  const { value } = select
  select.replaceChildren(...options.map(one => new Option(one.text, one.value)))
  if (options.some(one => one.value === value)) select.value = value
}

export const clock = (at: number): string => new Date(at).toLocaleTimeString()

export function sizeOf(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  const [unit, by] = bytes < 1024 ** 2 ? ['KiB', 1024] : ['MiB', 1024 ** 2]
  return `${(bytes / by).toFixed(bytes / by < 10 ? 1 : 0)} ${unit}`
}
