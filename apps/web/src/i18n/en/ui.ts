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
  qr: {
    camera: 'Read a QR code with the camera',
    stop: 'Stop the camera',
    picture: 'Read a QR code from a picture',
    read: 'The code was read.',
    none: 'There is no readable QR code in this picture.',
    noCamera: 'The camera cannot be used. Choose a picture, or paste the text.',
    view: 'What the camera sees',
  },
};
