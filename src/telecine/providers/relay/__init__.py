"""The OpenAI Videos API at any relay: one adapter for the forms that they speak it in.

| file | what it knows |
|---|---|
| `official` | `/v1/videos`, as OpenAI made it |
| `answers` | what is read of a video, whatever the form: ids, words, links, figures, reasons |
| `frame` | sizes, ratios and resolutions |
"""
