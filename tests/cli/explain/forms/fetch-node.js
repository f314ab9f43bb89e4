const res = await fetch('https://in.example.net/in/billing', {
  method: 'POST',
  headers: { 'Content-Type': 'application/json', 'X-Hub-Signature-256': 'sha256=7d8109b8bae48ad9d17489a194b35d91346cc7b44c6a6a816e84f190964adb4c' }, // signed
  body: JSON.stringify({"event":"invoice.paid","note":"Grüße, \"Zoë\" 🙂","path":"a/b","n":[1,2]}),
});
