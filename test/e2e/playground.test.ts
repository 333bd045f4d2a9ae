/** The playground as a visitor uses it, page by page. */
import { describe } from 'vitest'
import { jobsTests } from './jobs.ts'
import { visit } from './kit.ts'
import { notesTests } from './notes.ts'

const playground = visit()

describe('notes', () => notesTests(playground))
describe('jobs', () => jobsTests(playground))
