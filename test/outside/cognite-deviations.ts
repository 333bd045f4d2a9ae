/** Where we go another way than Cognite's schemas, one by one. */
import type { Deviation, Schemas } from './schemas.ts'

function must(schemas: Schemas, name: string): Schemas {
  const schema = schemas[name]
  if (schema === undefined) throw new Error(`There is no schema ${name}: take its deviation out.`)
  return schema
}

const overlapping = (name: string, why: string): Deviation => ({
  where: `${name}: oneOf is read as anyOf`,
  why,
  mend(schemas) {
    const schema = must(schemas, name)
    if (schema.oneOf === undefined) throw new Error(`${name} has no oneOf any more: take its deviation out.`)
    schema.anyOf = schema.oneOf
    delete schema.oneOf
  },
})

const noNul = (name: string): Deviation => ({
  where: `${name}: the pattern is read as "no NUL"`,
  why: 'It is escaped once too often, and as it stands forbids the letters x and 0 and the backslash.',
  mend(schemas) {
    const schema = must(schemas, name)
    if (schema.pattern !== '^[^\\\\x00]{1,256}$') throw new Error('The pattern was mended: take the deviation out.')
    schema.pattern = '^[^\\x00]{1,256}$'
  },
})

export const recordDeviations: readonly Deviation[] = [
  overlapping(
    'RawPropertyValueV3',
    'Its object and direct relation are both just objects, and so are the members of its lists: no object could ever match exactly one.',
  ),
  overlapping('RangeValue', 'Its integer is a number too, so no whole number could match exactly one.'),
  {
    where: 'AggregatesResultDefinitionIla: oneOf is read as anyOf',
    why: 'The results with buckets require nothing, so every other result matches them too.',
    mend(schemas) {
      const result = must(schemas, 'AggregatesResultDefinitionIla').additionalProperties
      if (result.oneOf === undefined) throw new Error('The results were mended: take the deviation out.')
      result.anyOf = result.oneOf
      delete result.oneOf
    },
  },
  noNul('RecordExternalId'),
]

const OBJECTS = 'A raw value may be any object, so a parameter or a reference to a property matches that as well.'

export const instanceDeviations: readonly Deviation[] = [
  {
    where: 'RawPropertyValueV3: oneOf is read as anyOf, and null is a value',
    why: 'Its alternatives overlap as they do for records. Null is how a property is cleared, as recorded traffic of the service shows.',
    mend(schemas) {
      const schema = must(schemas, 'RawPropertyValueV3')
      if (schema.oneOf === undefined) throw new Error('RawPropertyValueV3 was mended: take the deviation out.')
      schema.anyOf = [...schema.oneOf, { type: 'null' }]
      delete schema.oneOf
    },
  },
  noNul('NodeOrEdgeExternalId'),
  overlapping('RangeValue', 'Its integer is a number too, so no whole number could match exactly one.'),
  overlapping('TableExpressionFilterValue', OBJECTS),
  {
    where: 'DeletedInstances: the list may be empty',
    why: 'Recorded traffic of the service carries "deleted": [] and "items": [] where nothing was deleted.',
    mend(schemas) {
      const schema = must(schemas, 'DeletedInstances')
      if (schema.minItems !== 1) throw new Error('DeletedInstances was mended: take the deviation out.')
      delete schema.minItems
    },
  },
]
