export const texts = {
  unknown: 'Unknown',
};
