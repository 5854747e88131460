import AsyncHTTPClient
import LinuxSystem
import Logging
import Model
import NIOCore
import NIOSSL
import OCITypes

/// Where a registry is and how it is reached.
public struct RegistryEndpoint: Sendable {}
