export { plain } from './stores/shared/plain.ts'
