import Model
import Testing

@testable import CRIService

@Suite struct StatisticsTests {
  @Test func whatVanishedDoesNotFailAList() async throws {
    let found = try await present([1, 2, 3]) { number -> Int in
      if number == 2 { throw PlatformError(.notFound, "gone") }
      return number * 10
    }
    #expect(found == [10, 30])
    let error = await #expect(throws: PlatformError.self) {
      try await present([1]) { _ -> Int in throw PlatformError(.internal, "broken") }
    }
    #expect(error?.code == .internal)
  }
}
