import requests
requests.post("https://in.example.net/in/billing", json={})
