from gateway.proxy.gate import Answer, Forward, Gate, Outcome, OutcomeSink, Release

__all__ = ["Answer", "Forward", "Gate", "Outcome", "OutcomeSink", "Release"]
