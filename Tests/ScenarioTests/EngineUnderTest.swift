import TestKit

/// The monitor the stories and the sample judge: the one place where the tests name it.
let engineUnderTest: (any ScenarioEngine)? = MachineScenarioEngine()
