"""The client library: asks the service every second, and follows the junction's own plan where no answer comes.

`ServiceClient` and `AsyncServiceClient` differ in nothing but the waiting. `Pilot` holds what one junction's client must remember.
"""

from optimizer.service.client.calls import AsyncServiceClient, ServiceClient, ServiceUnusableError
from optimizer.service.client.pilot import Guidance, Pilot
from optimizer.service.messages import LedBy

__all__ = ["AsyncServiceClient", "Guidance", "LedBy", "Pilot", "ServiceClient", "ServiceUnusableError"]
