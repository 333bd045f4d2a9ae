/** Views and containers as requests name them, and instances as answers show them. */
import type { Plain } from '../../json.ts'
import { absent, containerRef, list, object, text, viewRef } from '../check.ts'
import { bad } from '../errors.ts'
import type { InstanceKnobs } from '../knobs.ts'
import { propertyOf, typed } from '../models/views.ts'
import { containerKey, type InstanceRow, type State, type View, viewKey } from '../state.ts'
import { instant } from '../values.ts'
import type { Source } from './graph.ts'

export function sourceOf(state: State, json: Plain | undefined, where: string): Source {
  if (object(json, where).type === 'container') {
    const container = containerRef(json, where)
    if (!state.containers.get(containerKey(container))) {
      throw bad(`Container '${container.space}:${container.externalId}' does not exist.`)
    }
    return { container }
  }
  return { view: viewOf(state, json, where) }
}

export function viewOf(state: State, json: Plain | undefined, where: string): View {
  const ref = viewRef(json, where)
  const view = state.views.get(viewKey(ref))
  if (!view) throw bad(`View '${ref.space}:${ref.externalId}/${ref.version}' does not exist.`)
  return view
}

/** What of a view is shown. */
export type Selected = { readonly view: View; readonly names: readonly string[] | '*' }

/** `named`: each source says which properties. */
export function selectedOf(state: State, json: Plain | undefined, where: string, named: boolean): Selected[] {
  if (absent(json)) return []
  return list(json, where, 0, 10).map((it, at) => {
    const place = `${where}[${at}]`
    const source = object(it, place)
    const view = viewOf(state, source.source, `${place}.source`)
    if (!named) return { view, names: '*' }
    const names = list(source.properties, `${place}.properties`, 1, 1000).map(name => text(name, place))
    const unknown = names.find(name => name !== '*' && !Object.hasOwn(view.properties, name))
    if (unknown !== undefined) throw bad(`View '${view.externalId}/${view.version}' has no property '${unknown}'.`)
    return { view, names: names.includes('*') ? '*' : names }
  })
}

const namesOf = ({ view, names }: Selected): readonly string[] => (names === '*' ? Object.keys(view.properties) : names)

const label = (view: View): string => `${view.externalId}/${view.version}`

export function valueIn(row: InstanceRow, view: View, name: string): Plain | undefined {
  const mapping = view.properties[name]
  return mapping && row.data[mapping.container.space]?.[mapping.container.externalId]?.[mapping.property]
}

export function shownInstance(state: State, row: InstanceRow, selected: readonly Selected[], knobs: InstanceKnobs) {
  const properties: { [space: string]: { [view: string]: { [name: string]: Plain } } } = {}
  for (const one of selected) {
    const held: { [name: string]: Plain } = {}
    for (const name of namesOf(one)) {
      const value = valueIn(row, one.view, name)
      if (value === undefined || value === null) continue
      const time = propertyOf(state, one.view, name)?.type.type === 'timestamp' && knobs.timestamps === 'offset'
      held[name] = time ? offset(value) : value
    }
    if (
      Object.keys(held).length === 0 &&
      !Object.keys(one.view.properties).some(name => valueIn(row, one.view, name) !== undefined)
    )
      continue
    properties[one.view.space] = { ...properties[one.view.space], [label(one.view)]: held }
  }
  return {
    instanceType: row.instanceType,
    version: row.version,
    space: row.space,
    externalId: row.externalId,
    createdTime: row.createdTime,
    lastUpdatedTime: row.lastUpdatedTime,
    ...(row.deletedTime !== null && { deletedTime: row.deletedTime }),
    ...(row.type && { type: row.type }),
    ...(row.startNode && { startNode: row.startNode }),
    ...(row.endNode && { endNode: row.endNode }),
    properties,
  }
}

function offset(value: Plain): Plain {
  if (Array.isArray(value)) return value.map(offset)
  const ms = instant(String(value))
  return ms === undefined ? value : new Date(ms).toISOString().replace('Z', '+00:00')
}

export function typingOf(state: State, selected: readonly Selected[]) {
  const told: { [space: string]: { [view: string]: object } } = {}
  for (const one of selected) {
    const entries = namesOf(one).map(name => [name, typed(propertyOf(state, one.view, name)!)])
    told[one.view.space] = { ...told[one.view.space], [label(one.view)]: Object.fromEntries(entries) }
  }
  return told
}
