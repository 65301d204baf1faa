"""Stripe's own SDK, which trusts a bundle of its own unless it is told another."""

import os

import stripe

stripe.ca_bundle_path = os.environ["SSL_CERT_FILE"]
stripe.api_key = "sk_test_upstream"
refund = stripe.Refund.create(charge="ch_1", amount=600, currency="jpy", metadata={"order": "17"})
print(refund.id)
