export const texts = {
  title: 'Patients',
};
