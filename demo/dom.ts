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

/** Shows items in order; an item keeps its element, and with it the focus and the caret of its fields. */
export function keyed<T>(list: HTMLElement, keyOf: (item: T) => string, make: (item: T) => Row<T>) {
  const rows = new Map<string, Row<T>>()
  return (items: readonly T[]): void => {
    const keys = new Set(items.map(keyOf))
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
  }
}

/** Sets a field's text unless somebody is typing there. */
export function setText(field: HTMLInputElement | HTMLTextAreaElement, text: string): void {
  if (document.activeElement !== field && field.value !== text) field.value = text
}

export const clock = (at: number): string => new Date(at).toLocaleTimeString()
