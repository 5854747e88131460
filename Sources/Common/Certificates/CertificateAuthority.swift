import Crypto
import LinuxSystem
import Model
import SwiftASN1
import X509

/// The platform's own certificate authority.
public struct CertificateAuthority: Sendable {}
