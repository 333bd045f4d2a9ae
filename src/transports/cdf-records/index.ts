/**
 * A Cognite record stream as a transport. A page that only needs the sources imports `sources.ts`.
 */
import type { Source, Transport } from '../../transport.ts'
import { setup } from '../shared/cdf/setup.ts'
import { api } from './api.ts'
import { type CdfRecordsOptions, configOf } from './options.ts'
import { pull } from './pull.ts'
import { push } from './push.ts'
import { events, records } from './sources.ts'

export type { ContainerRef, Filterable, Operand, PropertyRef, RecordFilter } from './filter.ts'
export { matches } from './filter.ts'
export { eventId, type RecordIdentity, readEventId, readRecordId, recordId } from './ids.ts'
export type { CdfRecordsOptions, RecordContainer } from './options.ts'
export { events, records } from './sources.ts'

export interface CdfRecords<O> extends Transport {
  readonly sources: { readonly records: O extends { readonly immutable: true } ? typeof events : typeof records }
}

/** Throws `misconfigured` where an option is beyond what the API takes. */
export function cdfRecords<const O extends CdfRecordsOptions>(options: O): CdfRecords<O> {
  const config = configOf(options)
  const calls = api(setup(options), config)
  const kind: Source = config.immutable ? events : records
  return {
    name: 'cdf-records',
    sources: { records: config.readonly ? { ...kind, readonly: true } : kind } as CdfRecords<O>['sources'],
    pull: pull(calls, config),
    ...(!config.readonly && { push: push(calls, config) }),
    every: 30_000,
  }
}
