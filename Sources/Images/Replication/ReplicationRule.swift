import Logging
import Model
import OCITypes
import Persistence
import Registry
import RegistryClient

/// What is copied where.
public struct ReplicationRule: Sendable {}
