export const texts = {
  title: 'Network',
};
