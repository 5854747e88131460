import Accounts
import HTTPServing
import Logging
import Model
import OCITypes
import Registry

/// The codes of the distribution specification's errors.
public struct RegistryErrorCode: Sendable {}
