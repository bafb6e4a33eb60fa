export const texts = {
  title: 'I need care',
};
