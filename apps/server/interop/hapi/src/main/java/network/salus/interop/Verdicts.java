package network.salus.interop;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.ResultSeverityEnum;
import ca.uhn.fhir.validation.SingleValidationMessage;
import ca.uhn.fhir.validation.ValidationResult;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import network.salus.interop.Interop.Named;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.UnknownCodeSystemWarningValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;

/** Judges resources that the node made, offline, by HL7's own definitions. */
final class Verdicts {
  private final FhirValidator validator;

  Verdicts(FhirContext context) {
    UnknownCodeSystemWarningValidationSupport unknownSystems = new UnknownCodeSystemWarningValidationSupport(context);
    unknownSystems.setNonExistentCodeSystemSeverity(ca.uhn.fhir.context.support.IValidationSupport.IssueSeverity.WARNING);
    ValidationSupportChain support =
        new ValidationSupportChain(
            new DefaultProfileValidationSupport(context),
            new CommonCodeSystemsTerminologyService(context),
            new InMemoryTerminologyServerValidationSupport(context),
            unknownSystems);
    FhirInstanceValidator instance = new FhirInstanceValidator(support);
    instance.setAnyExtensionsAllowed(true);
    instance.setErrorForUnknownProfiles(false);
    validator = context.newValidator().registerValidatorModule(instance);
  }

  /** One check for each file of the folder. */
  List<Named> checks(Path folder) {
    try (Stream<Path> files = Files.list(folder)) {
      return files.sorted().map(file -> new Named("judges " + file.getFileName(), () -> judge(file))).collect(Collectors.toList());
    } catch (IOException failure) {
      throw new IllegalArgumentException("the folder cannot be read", failure);
    }
  }

  /** That a guide's profile is not at hand offline says nothing of the resource. */
  private static boolean isError(SingleValidationMessage message) {
    boolean isUnknownProfile = message.getMessage().contains("Failed to retrieve profile");
    return message.getSeverity().ordinal() >= ResultSeverityEnum.ERROR.ordinal() && !isUnknownProfile;
  }

  private void judge(Path file) throws IOException {
    ValidationResult result = validator.validateWithResult(Files.readString(file));
    List<SingleValidationMessage> errors =
        result.getMessages().stream().filter(message -> isError(message)).toList();
    if (errors.isEmpty()) return;
    String first = errors.stream().limit(4).map(error -> error.getLocationString() + " " + error.getMessage()).collect(Collectors.joining(" / "));
    throw new AssertionError(errors.size() + " errors: " + first);
  }
}
