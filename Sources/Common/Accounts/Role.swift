import Crypto
import CryptoExtras
import JWTKit
import Model
import Persistence

/// What a member of a project may do.
public struct Role: Sendable {}
