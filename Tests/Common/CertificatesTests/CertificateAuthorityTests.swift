import Testing

@testable import Certificates

@Suite struct CertificateAuthorityTests {}
