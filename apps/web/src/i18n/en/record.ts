export const texts = {
  title: 'My record',
};
