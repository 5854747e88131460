import Testing

@testable import Distribution

@Suite struct TransferProgressTests {}
