export const texts = {
  title: 'Your record on this device',
};
