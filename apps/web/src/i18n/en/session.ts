export const texts = {
  title: 'Sign in',
  needed: 'Sign in first, then this page opens.',
};
