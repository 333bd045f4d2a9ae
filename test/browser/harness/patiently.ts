/** Waiting for conditions, never for time: two small noisy cores are never late, only slow. */

const most = 60_000

/** Asks until the answer is neither `undefined` nor `false`, and returns it. */
export async function patiently<T>(
  what: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  { within = most, every = 50 }: { readonly within?: number; readonly every?: number } = {},
): Promise<T> {
  const began = performance.now()
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    if (performance.now() - began > within) throw new Error(`Waited ${within / 1000} s for ${what}.`)
    await new Promise(resolve => setTimeout(resolve, every))
  }
}

/** What was promised, or an error that says what never came. */
export async function inTime<T>(what: string, promise: Promise<T>, within = most): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Waited ${within / 1000} s for ${what}.`)), within)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
