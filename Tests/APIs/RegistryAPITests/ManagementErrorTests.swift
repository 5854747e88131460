import HTTPServing
import Logging
import Model
import Testing

@testable import RegistryAPI

@Suite struct ManagementErrorTests {
  @Test(arguments: [(true, 507), (false, 429)])
  func aFullDiskIsNoRequestForPatience(isFull: Bool, status: Int) throws {
    let error = PlatformError(.resourceExhausted, "the reason", isDiskFull: isFull)
    let answer = try ManagementAPI.answer(error, Logger(label: "test"))
    #expect(answer.status.code == UInt(status))
  }
}
