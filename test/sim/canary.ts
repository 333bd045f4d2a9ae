/** Must never be seen anywhere but in an Authorization header (I23). */
export const canaryToken = 'cnry-5f2e81-do-not-keep'
