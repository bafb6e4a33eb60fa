export const texts = {
  title: 'Sign in',
  lead: 'Your keys stay in this browser. The node never sees them.',
  signIn: 'Sign in',
  code: {
    label: 'Sign-in line',
    text: 'In the demonstration each person has one in the file people.txt that the start of the node names. Paste the whole line.',
    failed: 'This did not work. Paste the whole line again, from SALUS-DEVICE to its last four letters.',
  },
  staff: {
    title: 'Staff',
    text: 'With the wallet file that you got when you were enrolled.',
    link: 'Sign in with a wallet file',
    lead: 'The wallet file holds your key. It is opened in this browser and sent nowhere.',
    file: 'Wallet file',
    choose: 'Choose the file',
    passphrase: 'Passphrase of the file',
    account: 'Account',
    password: 'Password',
    failed: 'This did not work. Check the file, its passphrase, the account and the password.',
  },
  patient: {
    title: 'Patients',
    claim: 'I have a slip from my hospital',
    join: 'I use my record on another device already',
    recover: 'I lost my device',
  },
  unlock: {
    title: 'Unlock',
    lead: 'What is kept on this device is encrypted. Your PIN or passkey opens it.',
    pin: 'PIN',
    open: 'Unlock',
    passkey: 'Use the passkey',
    failed: 'This did not open it. Try again; after ten wrong tries there is a pause of 15 minutes.',
  },
  forget: {
    label: 'Remove everything from this browser',
    question: 'Remove everything from this browser?',
    consequence:
      'The keys on this device are destroyed. You get back in with your recovery sheet, your trusted people, or another device.',
  },
};
