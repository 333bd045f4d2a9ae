/** What the pages ask the playground's own server. */
import type { JobsPlace } from '../jobs/schema.ts'

export interface Place {
  readonly url: string
  readonly share: string
  readonly token: string
}

export interface Seen {
  readonly notes: readonly {
    readonly id: string
    readonly value: { readonly title?: string; readonly text?: string }
  }[]
  readonly devices: number
}

export interface Weather {
  readonly slow: boolean
  /** Some requests never arrive. */
  readonly refuse: boolean
  /** Some answers never arrive, though the request took effect. */
  readonly lose: boolean
  /** No nudges: sockets stay open and carry nothing. */
  readonly deaf: boolean
}

async function ask<T>(path: string, body?: unknown): Promise<T> {
  const answer = await fetch(
    `/sandbox/${path}`,
    body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) },
  )
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
  return answer.json() as Promise<T>
}

export const lastPlace = (): Promise<Place> => ask('place')
export const jobsPlace = (): Promise<JobsPlace> => ask('jobs')
export const newPlace = (): Promise<Place> => ask('place', {})
export const seen = (share: string): Promise<Seen> => ask(`seen?share=${encodeURIComponent(share)}`)
export const setWeather = (weather: Weather): Promise<Weather> => ask('weather', weather)
