import Distribution
import HTTPServing
import Model
import RegistryClient
import Testing

@testable import DockerAPI

@Suite struct RegistryRouteTests {
  @Test(arguments: [
    (
      TransferEvent("Pulling fs layer", id: "abc"),
      "{\"status\":\"Pulling fs layer\",\"progressDetail\":{},\"id\":\"abc\"}\n"
    ),
    (TransferEvent("Digest: x"), "{\"status\":\"Digest: x\"}\n"),
    (
      TransferEvent("Downloading", id: "abc", current: 500_000, total: 1_000_000),
      "{\"status\":\"Downloading\",\"progressDetail\":{\"current\":500000,\"total\":1000000},"
        + "\"progress\":\"[=========================>                         ]    500kB/1MB\",\"id\":\"abc\"}\n"
    ),
  ])
  func `progress has docker's form`(event: TransferEvent, line: String) {
    #expect(String(decoding: RegistryRoutes.line(event), as: UTF8.self) == line)
  }

  @Test(arguments: [
    (Int64(0), "0B"), (999, "999B"), (1_000, "1kB"), (1_234, "1.234kB"), (12_345_678, "12.35MB"),
    (240_000_000, "240MB"),
    (1_500_000_000, "1.5GB"),
  ])
  func `sizes have docker's form`(bytes: Int64, text: String) {
    #expect(ProgressText.size(bytes) == text)
  }

  @Test(arguments: [(Int64(0), Int64(0)), (5, 3), (-1, 10), (10, 10), (0, 10)])
  func `a bar can be drawn of any numbers`(current: Int64, total: Int64) {
    #expect(!ProgressText.bar(current: current, total: total).isEmpty)
  }

  @Test(arguments: [
    ("{\"username\":\"ann\",\"password\":\"x\"}", RegistryCredentials.password(user: "ann", password: "x")),
    ("{\"identitytoken\":\"t\",\"username\":\"ann\"}", .identityToken("t")),
    ("{\"registrytoken\":\"r\"}", .bearer("r")),
    ("{\"username\":\"<token>\",\"password\":\"t\"}", .identityToken("t")),
    ("{\"auth\":\"YW5uOng6eQ==\"}", .password(user: "ann", password: "x:y")),
    ("{}", .anonymous), ("{\"username\":\"ann\"}", .anonymous),
  ])
  func `credentials are read`(json: String, expected: RegistryCredentials) throws {
    let authorization = try RegistryAuthorization(JSONFields(JSONParser.parse(Array(json.utf8))))
    #expect(authorization.credentials == expected)
  }
}
