export const texts = {
  loading: 'Loading …',
  close: 'Close',
  cancel: 'Cancel',
  failure: {
    title: 'That did not work',
    text: 'Check the connection and try again. If it happens again, tell the code to your hospital’s help desk.',
    code: 'Code: {{code}}',
    retry: 'Try again',
  },
};
