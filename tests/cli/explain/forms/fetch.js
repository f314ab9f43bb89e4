await fetch("https://in.example.net/in/billing", {
  "headers": {
    "content-type": "application/json",
    "x-github-event": "push",
    "x-github-delivery": "6f1a9a10-aaaa-11f0-8000-0123456789ab",
    "x-hub-signature-256": "sha256=7d8109b8bae48ad9d17489a194b35d91346cc7b44c6a6a816e84f190964adb4c"
  },
  "referrer": "https://example.net/",
  "body": "{\"event\":\"invoice.paid\",\"note\":\"Gr\u00fc\u00dfe, \\\"Zo\u00eb\\\" \ud83d\ude42\",\"path\":\"a/b\",\"n\":[1,2]}",
  "method": "POST",
  "mode": "cors",
  "credentials": "include"
});